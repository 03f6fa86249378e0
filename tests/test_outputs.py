"""Notebooks by nbval: they work on a small company with other parameters."""

from pathlib import Path

from crm_analysis.study import simulate

ROOT = Path(__file__).parent.parent


def test_the_notebooks_work_on_a_small_company_with_other_parameters(tmp_path, nbval):
    from papermill.iorw import load_notebook_node, write_ipynb
    from papermill.parameterize import parameterize_notebook

    simulate.company(customers=500, seed=4).write(tmp_path / "data" / "small")
    changed = {
        "10_customer_360": {"as_of": "2025-03-31", "per": "person", "period": "month", "by": "region"},
        "20_segmentation": {
            "as_of": "2025-03-31",
            "bins": 4,
            "method": "nested",
            "days_back": 200,
            "quantile": 0.75,
            "attitude": "",
            "favourable": 8.0,
        },
        "21_segments_over_time": {"as_of": "2025-09-30", "step_days": 120, "method": "mixture", "groups": 0, "bins": 4},
        "30_satisfaction": {
            "scheme": "centroid",
            "consistent": True,
            "resamples": 100,
            "by": "market",
            "group": "wave",
            "seed": 2,
        },
        "31_build_an_index": {"language": "zh", "tried": 25, "image": "", "half_width": 2.0, "draws": 60, "seed": 2},
        "32_kano_and_service_quality": {},
        "40_loyalty": {
            "as_of": "2025-03-31",
            "days_back": 200,
            "weights": "critic",
            "by": "region",
            "draws": 100,
            "seed": 2,
        },
        "41_satisfaction_trap": {
            "as_of": "2025-11-30",
            "days": 150,
            "behaviour": "kept",
            "second": "late",
            "satisfied_from": 80.0,
            "days_between": 100,
            "seed": 2,
        },
        "50_customer_value": {
            "as_of": "2025-06-30",
            "holdout_days": 200,
            "model": "bg",
            "years": 1.5,
            "discount_rate": 0.05,
            "points": 3.0,
            "seed": 2,
        },
        "60_churn": {
            "horizon": 60,
            "every": 60,
            "count": 3,
            "late": 4.0,
            "takeup": 0.5,
            "budget": 0.0,
            "category": "fiction",
            "by": "",
            "seed": 2,
        },
    }
    small = tmp_path / "changed"
    small.mkdir()
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        parameters = {"study": "data/small", **changed[path.stem]}
        notebook = parameterize_notebook(load_notebook_node(str(path)), parameters)
        write_ipynb(notebook, str(small / path.name))
    assert " passed" in nbval(small, "--nbval-lax")
