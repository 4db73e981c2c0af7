"""See what each test uses while the tests run: in, what Python executes and opens; out, `SessionUses`."""
