"""The town's buildings: sites, zones, points, lines of senders, signals and alarms."""
