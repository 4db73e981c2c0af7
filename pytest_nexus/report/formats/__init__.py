"""The formats of a report: markdown, comment, annotations, CTRF, JSON, Prometheus."""
