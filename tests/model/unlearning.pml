/* Notices, receipts and leases: one owner, two holders, every order of everything that may happen to them.

   Rules
   1. Each step is one Step of the core, carried out whole, and names the functions that it mirrors ("core:"); what no
      peer decides is the world's ("world:"). A guard is what the core checks; nothing else holds a step back.
   2. There is no queue: whatever was sent may arrive at any later time, in any order, again, or never. A row that makes
      a peer say something (what is owed, a notice that was signed) therefore *is* the message on its way, and the
      second arrival of one finds its guard closed, as in the core. So a crash between commit and send, a loss, and a
      delay are one and the same: nothing arrives.
   3. A crash takes what is not durable: the incoming seed, its key on the way, the result of a check. Files and rows
      stay as they are, so that a crash may come between the commit and the erasure, and between that and its answer.
   4. After `healed` nobody crashes, gives orders or gives up, and what is owed arrives: L1 is asked from there on.

   Generations count from 1 to GENERATIONS, the grants of a holder from 1 to GRANTS. A set of generations is a mask, bit
   g for generation g. The planted faults are switches; docs/model.md has a table of them. */

#ifndef GENERATIONS
#define GENERATIONS 2
#endif
#ifndef GRANTS
#define GRANTS 2
#endif

#ifndef MAILBOX
#define MAILBOX 1   /* 0: no receipt is left with the other holder */
#endif
#ifndef LEASES
#define LEASES 1    /* 0: no lease ends */
#endif

#define HOLDERS 2
#define OTHER (1 - me)
#define BIT(g) (1 << (g))
#define THROUGH(g) ((2 << (g)) - 2)
#define MAX(a, b) ((a) > (b) -> (a) : (b))

/* Of the owner (records.Phase). */
#define ACTIVE 0
#define LEAVING 1
#define LEFT 2
/* Of a holder's process: its port is open only where it is UP. */
#define UP 0
#define STARTING 1
#define DOWN 2
/* Of an incoming seed (exchange.Stage): to wait and to fetch are one with asking. */
#define NONE 0
#define ASKING 1
#define ADMITTING 2

typedef Peer {
  unsigned power : 2;                                  /* UP at first */
  unsigned tombstone : 2;                              /* through; durable */
  unsigned held : 2; unsigned held_grant : 2;          /* HeldSeedRow; durable */
  unsigned keys : 3;                                   /* mask of the key files that are there; durable */
  unsigned notice_row1 : 3; unsigned notice_row2 : 3;  /* ErasureRow of cause NOTICE by its through: 1 + its payloads */
  unsigned other_row1 : 3; unsigned other_row2 : 3;    /* ErasureRow of another cause by its payload: 1 + its grant */
  unsigned owed_receipt : 2; unsigned owed_release : 2;  /* through, grant; durable */
  unsigned box : 2;                                    /* the other holder's receipt, left here; durable */
  unsigned stage : 2;                                  /* of the incoming seed, which a crash forgets: */
  unsigned incoming : 2; unsigned grant : 2;           /*   its generation, and the grant of its key */
  unsigned fresh : 4;                                  /*   mask of the grants of this very attempt, keys on their way */
  unsigned admitted : 2                                /* the generation of an `Admitted` that waits to be taken */
};

typedef Ledger {             /* the owner's, of one holder; durable */
  unsigned grants : 2;       /* the number of the last one */
  unsigned grants1 : 2;      /* the last one of generation 1 */
  unsigned closed : 2;       /* all are closed up to this one */
  unsigned receipt : 2       /* through */
};

Peer holder[HOLDERS];
Ledger ledger[HOLDERS];
unsigned phase : 2;
unsigned own : 2 = 1;         /* the generation that is served */
unsigned highest : 2 = 1;     /* the highest one that was published */
unsigned through : 2;         /* of the owner's own tombstone */
unsigned notices : 3;         /* mask of the notices that were signed */
unsigned late : 2;            /* 1: every lease is over for its holder; 2: for the owner too, slack included */
unsigned gone : 2 = HOLDERS;  /* a holder that never comes back: its answer lies in a mailbox */
bool healed;
hidden byte number, least;

#define COVERED(h) (holder[h].keys & THROUGH(through))
#define LAST(h, g) ((g) == 0 -> 0 : ((g) == 1 -> ledger[h].grants1 : ledger[h].grants))
#define IS_CLOSED(h) (ledger[h].closed >= LAST(h, through))
#define IS_COMPLETE (through > 0 && IS_CLOSED(0) && IS_CLOSED(1))
#define IS_KNOWN (holder[0].tombstone == through || holder[1].tombstone == through)
#define HAS_ROWS(h) (holder[h].notice_row1 || holder[h].notice_row2 || holder[h].other_row1 || holder[h].other_row2)
#define BY_NOTICE(h) ((holder[h].notice_row1 | holder[h].notice_row2) & ~1)
#define ERASING(h) (BY_NOTICE(h) | (holder[h].other_row1 > 0 -> 2 : 0) | (holder[h].other_row2 > 0 -> 4 : 0))

/* I1: what was owed or is answered states the truth. */
#define STATED(h) MAX(holder[h].owed_receipt, ledger[h].receipt)
#define I1(h) (STATED(h) <= holder[h].tombstone && (holder[h].keys & THROUGH(STATED(h))) == 0)
/* I2: nothing that the own tombstone covers is held or on its way in; its keys are gone, or the erasure is not done. */
#define I2_HELD(h) (holder[h].held == 0 || holder[h].held > holder[h].tombstone)
#define I2_INCOMING(h) (holder[h].stage == NONE || holder[h].incoming > holder[h].tombstone)
#define I2_KEYS(h) ((holder[h].keys & THROUGH(holder[h].tombstone) & ~BY_NOTICE(h)) == 0)
#define I2(h) (I2_HELD(h) && I2_INCOMING(h) && I2_KEYS(h))
/* I3: no key is at a holder without its grant in the ledger. */
#define I3(h) (holder[h].held_grant <= ledger[h].grants && holder[h].grant <= ledger[h].grants)
/* I4: complete says that no covered key is anywhere; LEFT, with lapsed leases, that none is where a port is open. */
#define I4 ((!IS_COMPLETE || (COVERED(0) | COVERED(1)) == 0) && (phase != LEFT || (ABSENT(0) && ABSENT(1))))
#define ABSENT(h) (holder[h].power != UP || COVERED(h) == 0)
/* L1: everybody has erased, and the owner has every answer, or went when all leases were over. */
#define TOLD(h) (holder[h].tombstone == through || (phase == LEFT && late == 2))
#define ANSWERED(h) (ledger[h].receipt == through && holder[h].owed_receipt == 0 && holder[h].owed_release == 0)
#define SETTLED(h) (holder[h].power == UP && TOLD(h) && COVERED(h) == 0 && (phase == LEFT || ANSWERED(h)))
#define HEARD_OF(h) (gone == h && COVERED(h) == 0 && (phase == LEFT || ledger[h].receipt == through))
#define DONE ((SETTLED(0) || HEARD_OF(0)) && (SETTLED(1) || HEARD_OF(1)) && phase != LEAVING)

#ifdef CHECK_L1
ltl l1 { [] (healed -> <> DONE) }
#else
active proctype Checker() {
end:
  do
  :: false
#ifdef CHECK_I1
  :: !(I1(0) && I1(1)) -> assert(false)
#endif
#ifdef CHECK_I2
  :: !(I2(0) && I2(1)) -> assert(false)
#endif
#ifdef CHECK_I3
  :: !(I3(0) && I3(1)) -> assert(false)
#endif
#ifdef CHECK_I4
  :: !I4 -> assert(false)
#endif
  od
}
#endif

/* --- the owner ---------------------------------------------------------------------------------------------------- */
inline close_to(n) { if :: n > ledger[me].closed -> ledger[me].closed = n :: else fi }

inline take_receipt(t) {
  ledger[me].receipt = t;
  if :: t == 1 -> close_to(ledger[me].grants1) :: else -> close_to(ledger[me].grants) fi
}

inline tell_own() { through = highest; notices = notices | BIT(through); own = 0 }

#ifdef LEASE_IGNORED
#define HAD_TIME(h) true
#else
#define HAD_TIME(h) (holder[h].power == DOWN || (holder[h].keys == 0 && holder[h].stage != ADMITTING))
#endif

active proctype Owner() {
end:
  do
  /* core: granting.Granting.publish */
  :: d_step { !healed && phase == ACTIVE && highest < GENERATIONS -> highest++; own = highest }
  /* core: unlearning.Unlearning.forget, tombstones.write_own */
  :: d_step { !healed && phase == ACTIVE && highest > through -> tell_own() }
  /* core: unlearning.Unlearning.leave, tombstones.write_own, unlearning.Unlearning._depart */
  :: d_step { !healed && phase == ACTIVE -> tell_own(); phase = LEAVING }
  /* core: unlearning.Unlearning.rejoin */
  :: d_step { !healed && phase != ACTIVE && late == 0 && highest < GENERATIONS -> phase = ACTIVE }
  /* core: unlearning.Unlearning._try_to_finish, awaited.awaited, awaited.may_be_heard */
  :: d_step { phase == LEAVING && (late == 2 || (IS_COMPLETE && IS_KNOWN)) -> phase = LEFT }
  /* world: the leases end for their holders; a key on its way has arrived, or its link is gone */
  :: d_step { LEASES && phase == LEAVING && late == 0 -> late = 1; holder[0].fresh = 0; holder[1].fresh = 0 }
  /* world: the slack is over too; meanwhile whoever runs had the time to give up and to erase */
  :: d_step { late == 1 && HAD_TIME(0) && HAD_TIME(1) -> late = 2 }
  /* world: from now on everybody stays up and hears everybody */
  :: d_step { !healed && through > 0 -> healed = true }
  /* world: the same, but for a holder that never comes back and has left its last receipt with the other one */
  :: d_step { !healed && holder[0].power == DOWN && holder[1].box > 0 && holder[1].box == through -> healed = true; gone = 0 }
  :: d_step { !healed && holder[1].power == DOWN && holder[0].box > 0 && holder[0].box == through -> healed = true; gone = 1 }
  od
}

inline grant_to(h) {
  ledger[h].grants++;
  if :: own == 1 -> ledger[h].grants1 = ledger[h].grants :: else fi
}

#define SERVES(h) (own > 0 && phase == ACTIVE && ledger[h].grants < GRANTS)
#define ASKS(h) (holder[h].stage != NONE && holder[h].incoming == own)

/* The owner's side of the link to one holder. */
proctype Link(byte me) {
end:
  do
  /* core: granting.Granting.on_key_request, granting.Granting._grant_problem */
#ifdef GRANT_AFTER_KEY
  :: d_step { SERVES(me) && ASKS(me) -> holder[me].fresh = holder[me].fresh | BIT(ledger[me].grants + 1) }
  :: d_step { SERVES(me) && (holder[me].fresh & BIT(ledger[me].grants + 1)) -> grant_to(me) }
#else
  :: d_step { SERVES(me) && ASKS(me) -> grant_to(me); holder[me].fresh = holder[me].fresh | BIT(ledger[me].grants) }
#endif
  /* core: granting.Granting.on_key_request, exchange.Exchange._is_asked_for */
  :: d_step { SERVES(me) && !healed -> grant_to(me) }
  /* core: unlearning.Unlearning.on_receipt, unlearning.Unlearning._take_receipt */
  :: d_step { phase != LEFT && gone != me && holder[me].owed_receipt > ledger[me].receipt -> take_receipt(holder[me].owed_receipt) }
  /* core: mailbox.Mailbox.hand_over, unlearning.Unlearning.on_receipt */
  :: d_step { phase != LEFT && holder[OTHER].box > ledger[me].receipt -> take_receipt(holder[OTHER].box) }
  /* core: mailbox.Mailbox.on_receipt_ack */
  :: d_step { phase != LEFT && holder[OTHER].box > 0 && ledger[me].receipt >= holder[OTHER].box -> holder[OTHER].box = 0 }
  /* core: owed.Owed.on_receipt_ack */
  :: d_step { holder[me].power == UP && holder[me].owed_receipt > 0 && ledger[me].receipt >= holder[me].owed_receipt ->
       holder[me].owed_receipt = 0 }
  /* core: unlearning.Unlearning.on_release */
  :: d_step { phase != LEFT && gone != me && holder[me].owed_release > ledger[me].closed -> close_to(holder[me].owed_release) }
  /* core: owed.Owed.on_release_ack */
  :: d_step { holder[me].power == UP && holder[me].owed_release > 0 && ledger[me].closed >= holder[me].owed_release ->
       holder[me].owed_release = 0 }
  od
}

/* --- a holder ----------------------------------------------------------------------------------------------------- */
inline drop_incoming() {
  holder[me].stage = NONE; holder[me].incoming = 0; holder[me].grant = 0; holder[me].fresh = 0
}

inline erase_other(g, n) {
  if
  :: g == 1 -> holder[me].other_row1 = 1 + n
  :: else -> holder[me].other_row2 = 1 + n
  fi
}

inline give_up() {
  erase_other(holder[me].held, holder[me].held_grant);
  holder[me].held = 0; holder[me].held_grant = 0
}

inline owe_receipt(t) { holder[me].owed_receipt = MAX(holder[me].owed_receipt, t) }

/* One Step: tombstone, what is dropped, and the erasure, which also names what an earlier one has not finished. */
inline take_notice(t, row) {
#ifdef SILENT_ABOUT_UNFINISHED
  row = 1;
#else
  row = 1 | ERASING(me);
#endif
  holder[me].tombstone = t;
  if
  :: holder[me].held > 0 && holder[me].held <= t ->
       row = row | BIT(holder[me].held); holder[me].held = 0; holder[me].held_grant = 0
  :: else
  fi;
  if
  :: holder[me].stage != NONE && holder[me].incoming <= t -> row = row | BIT(holder[me].incoming); drop_incoming()
  :: else
  fi;
#ifdef RECEIPT_BEFORE_ERASURE
  owe_receipt(t)
#endif
}

/* Of the seed that was checked: what was held of an earlier generation is superseded. */
inline adopt(number) {
  if :: holder[me].held > 0 -> give_up() :: else fi;
  holder[me].held = holder[me].admitted; holder[me].held_grant = number;
  drop_incoming()
}

#define LEAST(a, b) ((a) < (b) -> (a) : (b))
#define OR_MANY(n) ((n) > 0 -> (n) : GRANTS + 1)
#define ROW_GRANT(row) (row > 0 -> row - 1 : 0)

/* core: owed.Owed._releasable, exchange.Exchange.grants_of */
inline owe_release(row) {
  number = ROW_GRANT(row);
  row = 0;
  least = LEAST(OR_MANY(holder[me].held_grant), OR_MANY(holder[me].grant));
  least = LEAST(least, OR_MANY(ROW_GRANT(holder[me].other_row1)));
  least = LEAST(least, OR_MANY(ROW_GRANT(holder[me].other_row2)));
  if
  :: number > 0 && least > GRANTS -> holder[me].owed_release = MAX(holder[me].owed_release, number)
  :: number > 0 && least <= GRANTS && least - 1 >= number ->
       holder[me].owed_release = MAX(holder[me].owed_release, least - 1)
  :: else
  fi;
  number = 0; least = 0
}

#define HEARS (holder[me].power == UP)
#define RUNS (holder[me].power != DOWN)
#define IS_NEWS(t) (HEARS && (notices & BIT(t)) && (t) > holder[me].tombstone && CAN_TELL(t))
#define CAN_TELL(t) (!healed || phase != LEFT || holder[OTHER].tombstone >= (t))
#define IS_WANTED(g) (own == (g) && (g) > holder[me].tombstone && (g) > holder[me].held && !(ERASING(me) & BIT(g)))
#define ERASED(mask) ((holder[me].keys & (mask)) == 0 && !((mask) & BIT(holder[me].admitted) & ~1))

proctype Holder(byte me) {
end:
  do
  /* core: exchange.Exchange.on_announce, exchange.Exchange._want, exchange.Exchange._ask */
  :: d_step { HEARS && !healed && phase == ACTIVE && own > 0 && holder[me].stage == NONE && IS_WANTED(own) ->
       holder[me].stage = ASKING; holder[me].incoming = own }
  /* core: exchange.Exchange.on_key, exchange.Exchange._is_asked_for */
  :: d_step { HEARS && holder[me].stage == ASKING && (holder[me].fresh & 2) ->
       holder[me].stage = ADMITTING; holder[me].grant = 1 }
  :: d_step { HEARS && holder[me].stage == ASKING && (holder[me].fresh & 4) ->
       holder[me].stage = ADMITTING; holder[me].grant = 2 }
  :: d_step { HEARS && holder[me].stage == ASKING && (holder[me].fresh & 8) ->
       holder[me].stage = ADMITTING; holder[me].grant = 3 }
  /* core: step.Admit, step.Admitted */
  :: d_step { HEARS && holder[me].stage == ADMITTING && !(holder[me].keys & BIT(holder[me].incoming)) && holder[me].admitted == 0 ->
       holder[me].keys = holder[me].keys | BIT(holder[me].incoming); holder[me].admitted = holder[me].incoming }
  /* core: exchange.Exchange.on_admitted, exchange.Exchange.second_look, exchange.Exchange._adopt */
#ifdef NO_SECOND_LOOK
  :: d_step { RUNS && holder[me].admitted > 0 -> adopt(holder[me].grant); holder[me].admitted = 0 }
#else
  :: d_step { RUNS && holder[me].admitted > 0 ->
       if
       :: holder[me].stage == ADMITTING && holder[me].incoming == holder[me].admitted &&
          holder[me].admitted > holder[me].tombstone -> adopt(holder[me].grant)
       :: else
       fi;
       holder[me].admitted = 0 }
#endif
  /* core: exchange.Exchange._abandon, exchange.Exchange.on_key_refused, exchange.Exchange.on_admit_refused */
  :: d_step { HEARS && !healed && holder[me].stage != NONE ->
       if  /* without a key there is nothing to erase, and nothing is owed */
       :: holder[me].stage == ADMITTING -> erase_other(holder[me].incoming, holder[me].grant)
       :: else
       fi;
       drop_incoming() }
  /* core: exchange.Exchange.give_up, exchange.Exchange.consider */
  :: d_step { HEARS && !healed && holder[me].held > 0 -> give_up() }
#ifndef LEASE_IGNORED
  /* core: lapsing.Lapsing.on_timer, leases.LeaseClock.lapsed, exchange.Exchange.give_up */
  :: d_step { RUNS && late > 0 && holder[me].held > 0 -> give_up() }
#endif
  /* core: unlearning.Unlearning.on_notice, tombstones.supersedes, unlearning.Unlearning.erase_through,
     exchange.Exchange.drop_through, erasure.begin */
  :: d_step { IS_NEWS(1) -> take_notice(1, holder[me].notice_row1) }
  :: d_step { IS_NEWS(2) -> take_notice(2, holder[me].notice_row2) }
  /* core: step.Erase */
  :: d_step { RUNS && (holder[me].keys & ERASING(me) & 2) -> holder[me].keys = holder[me].keys & ~2 }
  :: d_step { RUNS && (holder[me].keys & ERASING(me) & 4) -> holder[me].keys = holder[me].keys & ~4 }
  /* core: unlearning.Unlearning.on_erased, owed.Owed.receipt */
  :: d_step { RUNS && holder[me].notice_row1 && ERASED(holder[me].notice_row1 & ~1) ->
       holder[me].notice_row1 = 0; owe_receipt(1) }
  :: d_step { RUNS && holder[me].notice_row2 && ERASED(holder[me].notice_row2 & ~1) ->
       holder[me].notice_row2 = 0; owe_receipt(2) }
  /* core: unlearning.Unlearning.on_erased, owed.Owed.release */
  :: d_step { RUNS && holder[me].other_row1 && ERASED(2) -> owe_release(holder[me].other_row1) }
  :: d_step { RUNS && holder[me].other_row2 && ERASED(4) -> owe_release(holder[me].other_row2) }
  /* core: owed.Owed._mail, mailbox.Mailbox.on_receipt, mailbox.Mailbox._problem */
  :: d_step { MAILBOX && HEARS && !healed && holder[OTHER].power == UP && holder[me].owed_receipt > holder[OTHER].box &&
              holder[me].owed_receipt <= holder[OTHER].tombstone ->
       holder[OTHER].box = holder[me].owed_receipt }
  /* world: a crash, at any instant */
  :: d_step { RUNS && !healed ->
       holder[me].power = DOWN; drop_incoming(); holder[me].admitted = 0;
#ifdef RECEIPT_NOT_DURABLE
       holder[me].owed_receipt = 0;
#endif
#ifdef TOMBSTONE_NOT_DURABLE
       holder[me].tombstone = 0
#endif
     }
  /* core: peer.PeerCore.start, erasure.resume, lapsing.Lapsing.on_start */
  :: d_step { holder[me].power == DOWN && gone != me ->
       holder[me].power = STARTING;
       holder[me].keys = holder[me].keys & (ERASING(me) | BIT(holder[me].held));
#ifndef LEASE_IGNORED
       if :: late > 0 && holder[me].held > 0 -> give_up() :: else fi
#endif
     }
  /* world: the port opens once no erasure is left to do */
  :: d_step { holder[me].power == STARTING && !(HAS_ROWS(me)) -> holder[me].power = UP }
  od
}

init {
  atomic { run Link(0); run Link(1); run Holder(0); run Holder(1) }
}
