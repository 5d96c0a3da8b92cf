"""The SSE server: endpoints, permissions, hooks, jobs, streams."""
