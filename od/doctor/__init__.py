"""What is installed, what is missing, what this machine has: looked at, never imported here.

Whatever may crash (TensorFlow on a processor without AVX) runs in a process of its own,
and nothing beyond the standard library is needed: the doctor works when the rest does not.
"""

from od.doctor.checkup import Examination, examine
from od.doctor.finding import Finding

__all__ = ["Examination", "Finding", "examine"]
