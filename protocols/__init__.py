"""Protocols of secure three-party computation on replicated secret sharing."""
