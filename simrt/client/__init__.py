"""An SSE client that reconnects as browsers do."""
