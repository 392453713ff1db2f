"""`sidewatch demo`: the whole job on one machine, with a model provider that is played here.

Own processes for the provider (`provider`), for Sidewatch as a user starts it (`sidewatch serve`) and for the app (this
one: official SDK clients in `traffic`); what is shown comes from Sidewatch's own log, metrics and status page.
"""
