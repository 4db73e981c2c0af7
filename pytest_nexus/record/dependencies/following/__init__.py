"""Follow what scopes used to what results depend on: in, scopes; out, `SessionUses`."""
