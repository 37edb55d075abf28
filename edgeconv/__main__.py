"""Floor 4: `python -m edgeconv`, the same as the command `edgeconv`."""

from edgeconv_cli.main import main

if __name__ == "__main__":
    main()
