"""Floor 4: the command line. Installs as `edgeconv_cli`; one file per command, the product itself is `edgeconv`."""
