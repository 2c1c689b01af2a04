"""The JSON API under `/api/v1`: what the pages of the console ask, and any other program of the town may."""
