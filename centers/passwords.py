"""Password hashing: Argon2id at t=2, 19 MiB.

Django's own parameters (100 MiB) cost 0.6 s of a core a sign-in; these are the least that OWASP
asks for, and a burst of sign-ins cannot take the machine.
"""

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id, time cost 2, 19 MiB of memory, one lane."""

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
