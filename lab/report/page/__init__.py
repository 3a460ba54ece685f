"""Makes ``report.html``: its data, and the built front end that shows them."""
