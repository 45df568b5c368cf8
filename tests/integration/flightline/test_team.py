"""The client and the API of a service that many people use, over the real application and its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

from api.app import create_app
from api.services import Services
from flightline import Client, Forbidden, InvalidRequest, NotFound, Unauthenticated
from shared.jobs.running import attempts
from shared.people.scopes import Scope
from shared.settings import Settings
from tests.support import factories, people

SPEC = {"architecture": {"kind": "mlp", "hidden": [4]}, "dataset": "synthetic"}


@pytest.fixture
def services(settings: Callable[..., Settings]) -> Iterator[Services]:
    """The real parts of a service that asks for tokens."""
    built = Services.build(settings(auth="on"))
    yield built
    built.broker.close()
    built.db.dispose()


@pytest.fixture
def sign_in(services: Services) -> Iterator[Callable[..., Client]]:
    """Makes the client of an owner, with a token of a scope; of nobody without an owner."""
    application = httpx.WSGITransport(create_app(services=services))
    clients: list[Client] = []

    def make(owner: str | None = None, scope: Scope = Scope.SUBMIT) -> Client:
        token = people.token(services.db, owner, scope)[0] if owner else None
        clients.append(Client("http://localhost", token=token, transport=application))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


SignIn = Callable[..., Client]


class TestTokens:
    def test_who_one_is(self, sign_in: SignIn) -> None:
        """The owner of the token, its scope and its end."""
        client = sign_in("ada")
        me = client.whoami()
        assert (me.owner, me.scope, me.expires_at, me.authentication) == ("ada", "submit", None, True)
        assert client.submit(SPEC).owner == "ada"

    def test_without_a_token(self, sign_in: SignIn) -> None:
        """What to do is said by the client, which knows how one signs in."""
        with pytest.raises(Unauthenticated) as caught:
            sign_in().submit(SPEC)
        assert "Sign in with `flightline login http://localhost`" in caught.value.detail
        assert caught.value.code == "unauthenticated"

    def test_too_small_a_scope(self, sign_in: SignIn) -> None:
        """The refusal names the scope that it takes, once."""
        with pytest.raises(Forbidden) as caught:
            sign_in("bob", Scope.READ).submit(SPEC)
        assert caught.value.code == "insufficient_scope"
        assert caught.value.detail.count("submit") == 1

    def test_a_job_of_somebody_else(self, sign_in: SignIn) -> None:
        """Everybody reads it; its owner and admins change it."""
        job = sign_in("ada").submit(SPEC)
        other = sign_in("bob")
        assert other.job(job.id[-8:]).owner == "ada"
        with pytest.raises(Forbidden, match="belongs to ada"):
            other.cancel(job.id)
        assert sign_in("root", Scope.ADMIN).cancel(job.id).finished


class TestLists:
    def test_jobs_are_found_by_what_they_asked_for(self, sign_in: SignIn) -> None:
        """By conditions on any field, by owner and by words, in the order of a field."""
        ada, bob = sign_in("ada"), sign_in("bob")
        for client, lr in ((ada, 0.1), (bob, 0.001), (ada, 0.01)):
            client.submit(SPEC, name=f"lr {lr}", training={"optimizer": {"kind": "sgd", "lr": lr}})
        small = ada.jobs(where=["training.optimizer.lr<=0.01", "training.epochs>1"], sort="spec.training.optimizer.lr")
        assert [job.name for job in small] == ["lr 0.001", "lr 0.01"]
        assert [job.name for job in ada.jobs(where="training.optimizer.lr<=0.01", owner="ada")] == ["lr 0.01"]
        assert [job.owner for job in ada.jobs(text="0.001")] == ["bob"]

    def test_only_the_fields_that_are_asked_for(self, sign_in: SignIn) -> None:
        """The rest does not travel; what is there is read as in a whole job."""
        client = sign_in("ada")
        whole = client.submit(SPEC, name="one")
        (job,) = client.jobs(fields=["id", "name", "result.val_accuracy", "spec.training.seed"])
        assert job.raw == {"id": whole.id, "name": "one", "result": None, "spec": {"training": {"seed": 0}}}
        assert (job.title, job.refresh()) == ("one", whole.refresh())
        assert list(client.jobs(fields=["id", "name"]).to_pandas().columns) == ["id", "name"]

    def test_a_condition_that_makes_no_sense(self, sign_in: SignIn) -> None:
        """The service says what is wrong with it."""
        with pytest.raises(InvalidRequest, match=r"training\.optimizer\.rate"):
            next(sign_in("ada").jobs(where="training.optimizer.rate=1"))


class TestManyJobs:
    def test_a_batch_from_start_to_end(self, sign_in: SignIn) -> None:
        """Submitted, edited, ended and deleted together, each job as the service has it."""
        client = sign_in("ada")
        jobs = client.submit_many([SPEC, {**SPEC, "name": "b", "tags": ["b"]}], tags=["sweep1"])
        assert [(job.name, job.tags, job.owner) for job in jobs] == [
            (None, ["sweep1"], "ada"),
            ("b", ["sweep1"], "ada"),
        ]
        edited = jobs[0].edit(name="first", tags=["x"], notes="# Good")
        assert (edited.name, edited.tags, edited.notes) == ("first", ["x"], "# Good")
        assert edited.edit(name=None, notes=None).raw["notes"] is None
        changed = jobs[1].retry(training={"epochs": 7})
        assert (changed.spec.training.epochs, changed.name, changed.retry_of) == (7, "b", None)
        ended = client.cancel_many([*jobs, "0" * 12])
        assert [(one.job_id, one.outcome) for one in ended] == [*((job.id, "cancelled") for job in jobs), (None, None)]
        assert ended[2].error is not None
        assert ended[2].error.code == "job_not_found"
        assert [one.outcome for one in client.delete_many([job.id[-12:] for job in jobs])] == ["deleted"] * 2
        with pytest.raises(NotFound):
            client.job(jobs[0].id)

    def test_a_fault_in_a_batch(self, sign_in: SignIn) -> None:
        """Its pointer has the number of the job, and nothing was submitted."""
        client = sign_in("ada")
        with pytest.raises(InvalidRequest) as caught:
            client.submit_many([SPEC, {**SPEC, "training": {"epochs": 0}}])
        assert [error.pointer for error in caught.value.errors] == ["/jobs/1/training/epochs"]
        assert list(client.jobs()) == []

    def test_jobs_of_others_among_ones_own(self, sign_in: SignIn) -> None:
        """One's own are cancelled, and of the others it is said whose they are."""
        mine, other = sign_in("ada").submit(SPEC), sign_in("bob").submit(SPEC)
        found = sign_in("ada").cancel_many([mine, other])
        assert [one.outcome for one in found] == ["cancelled", None]
        assert found[1].error is not None
        assert (found[1].error.code, "belongs to bob" in str(found[1].error.detail)) == ("not_owner", True)


class TestComparing:
    def test_what_differs_between_jobs(self, sign_in: SignIn, services: Services) -> None:
        """The fields of their specs, their figures and their curves, for jobs of different lengths."""
        client = sign_in("ada")
        rates, jobs = (0.1, 0.2), []
        for epochs, lr in enumerate(rates, start=1):
            job = client.submit(SPEC, training={"epochs": 3, "optimizer": {"kind": "sgd", "lr": lr}})
            claim = factories.claim(services.db, job.id)
            assert attempts.record_epochs(services.db, claim, factories.epoch_rows(1, epochs), factories.best())
            jobs.append(job)
        found = client.compare([jobs[0], jobs[1].id[-12:]])
        assert found.differing == {"training.optimizer.lr": list(rates)}
        assert [row["spec.training.optimizer.lr"] for row in found.rows()] == list(rates)
        assert found.curves.epoch == [1, 2]
        assert [len([value for value in curve if value is not None]) for curve in found.curve("val_loss")] == [1, 2]
        assert len(found.plot("val_loss").axes[0].lines) == 2

    def test_two_hundred_fit_into_one_request(self, sign_in: SignIn) -> None:
        """By the ends of their ids, over all jobs there are."""
        client = sign_in("ada")
        jobs = client.submit_many([SPEC] * 200)
        assert [job.id for job in client.compare(jobs).jobs] == [job.id for job in jobs]
