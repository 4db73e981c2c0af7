"""Write the facts of a dashboard as one HTML file that needs nothing else; facts in, a text out."""
