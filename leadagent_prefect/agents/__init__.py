"""Who is called: the built-in agents, the registry, and what they share."""
