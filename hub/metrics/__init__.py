"""What the hub tells a monitoring system of itself: `/readyz`, and `/metrics` for Prometheus."""
