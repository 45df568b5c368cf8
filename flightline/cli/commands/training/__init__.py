"""The commands about jobs: submit and change them, follow them, read and use what came of them."""
