"""What operators see of a switch: dashboards, recording rules, alerts and their tests, written from tables.

``python -m observability.generate`` writes them to deploy/; ``python -m observability.observe`` shows them at work.
"""
