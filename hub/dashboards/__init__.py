"""Grafana's dashboards of a town, by its config: `naruko grafana`; the example's: `python -m hub.dashboards`.

Of the models of Grafana's foundation SDK (the extra `grafana`). It has none for queries and annotations in
InfluxQL, which stand in `query`; options of panels are plain, as it takes a map's centre for a whole number.
"""
