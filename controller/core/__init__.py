"""Every rule, pure: frozen records in, frozen records out, and time as an argument."""
