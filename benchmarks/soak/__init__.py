"""A soak: many real peers on this machine for an hour. Some leave, come back, train again and are killed, while
predictions are asked. Does anything grow?

    fleet     the peers, and what befalls them
    samples   what every process holds, every few seconds
    growth    the trend of each figure, with a bound
    report    table, JSON and plot

Half of the peers are left running all the time: a process that is started anew every few minutes shows no leak. The
rest is killed, restarted, leaves and rejoins; everybody trains again and is asked. `make soak` runs it.
"""
