"""The source in the building's network: receives alarms, records them, and only then answers."""
