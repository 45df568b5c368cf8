"""Who asks: scopes, tokens, and the sessions of browsers that signed in with one."""
