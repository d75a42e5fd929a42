"""De-identified exports: field registry, release views, formats, manifest, and the engine that builds them."""
