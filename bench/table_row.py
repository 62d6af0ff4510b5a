"""A line of the table that bench/run prints."""


def print_row(measurement, figure, baseline, goal='', met=None):
    verdict = '' if met is None else 'yes' if met else '**no**'
    print(f'| {measurement} | {figure} | {baseline} | {goal} | {verdict} |', flush=True)
