"""Output of commands: tables, bisections, commands to copy."""
