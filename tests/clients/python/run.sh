PYTHONPATH=generated python3 main.py
