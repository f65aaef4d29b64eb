"""The simulation: what a configuration will do, told by the daemon's own rules in a world of virtual time."""
