"""See what each test uses: in, what Python executes and opens; out, `SessionUses`."""
