"""Says what of a strategy a client that is not pjsip offers, and what not."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lab.mitigations.base import ClientSide
from lab.model.scenario import Strategy


def offered(strategy: Strategy, offers: Collection[str]) -> dict[str, Any]:
    """Return those mitigations of the strategy that such a client has, by kind."""
    return {one.kind: one for one in strategy.mitigations if isinstance(one, ClientSide) and one.kind in offers}


def lacking(strategy: Strategy, offers: Collection[str], client: str) -> str:
    """Say what such a client has no setting for; empty: nothing."""
    kinds = [one.kind for one in strategy.mitigations if isinstance(one, ClientSide) and one.kind not in offers]
    return f"{client} has no setting for {', '.join(f'`{kind}`' for kind in kinds)}." if kinds else ""
