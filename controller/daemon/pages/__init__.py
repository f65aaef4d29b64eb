"""Pages for people, drawn on the server: every scaler in a row, one scaler whole, and what happened lately.

They read what ``/status`` reads, in the web server's threads. They change nothing, ask AWS nothing, and take no lock
that a reconcile needs.
"""
