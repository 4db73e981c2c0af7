"""How commands print: tables, bisections, commands to copy."""
