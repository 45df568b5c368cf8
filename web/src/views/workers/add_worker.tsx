// How to add a worker, on this machine or on another one.

/** The commands that start workers. */
export function AddWorker() {
  return (
    <section class="panel">
      <header>
        <h2>Add a worker</h2>
      </header>
      <p>
        On the machine of the service, say how many when you start it: two on the CPU, one on each GPU, and a predictor.
      </p>
      <pre>flightline up --workers cpu=2,cuda=all,predict=1</pre>
      <p class="after">On another machine, with the database, Redis and the place for results that the service has:</p>
      <pre>
        {[
          "export FLIGHTLINE_DATABASE_URL=postgresql+psycopg://user:password@db.example/flightline",
          "export FLIGHTLINE_REDIS_URL=redis://:password@redis.example:6379/0",
          "export FLIGHTLINE_ARTIFACTS_URL=/mnt/shared/flightline",
          "flightline worker --device auto",
        ].join("\n")}
      </pre>
    </section>
  );
}
