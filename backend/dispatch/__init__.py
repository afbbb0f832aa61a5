"""Reports, incidents, jobs, units and emergencies of the control room (Leitstelle)."""
