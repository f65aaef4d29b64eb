"""The rules, pure: standard library only, no clock, no log, no AWS. Everything else carries them out."""
