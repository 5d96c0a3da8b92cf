"""`simrt serve`: scenarios served for real, and a page on which to watch their clients.

Theory of operation. A `Session` owns one `Server` after another, each a new life of the hub behind
the same port. The server writes its rows, as in every recorded run, but into a `Ledger`, which
folds them: what became of each event for each client that is watched. So what the page says of
drops is what the engine did. The watched clients are real: `simrt.client.Client`s over loopback
TCP, which can stall and be slow, and EventSources of the page itself. A `Front` stands before the
server's app and adds the page and its controls; neither exists in a `Server` without it.
"""

from simrt.watch.serve import serve_scenarios

__all__ = ["serve_scenarios"]
