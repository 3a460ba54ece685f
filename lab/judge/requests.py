"""Requests of the client, by the events that tell what became of them."""

from __future__ import annotations

from collections.abc import Mapping

from lab.record.events import ClientSubscription, OptionsAnswer, Registration

REQUESTS: Mapping[type[ClientSubscription | OptionsAnswer | Registration], str] = {
    OptionsAnswer: "OPTIONS",
    Registration: "REGISTER",
    ClientSubscription: "SUBSCRIBE",
}
