"""Show a run to monitoring. In: sessions; out: spans and measures, over OTLP or for Prometheus."""
