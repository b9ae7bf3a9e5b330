package broker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"pairmq/daemon/broker/pop"
	"pairmq/daemon/broker/schedule"
	"pairmq/daemon/broker/timer"
	"pairmq/daemon/broker/transaction"
	"pairmq/internal/lifecycle"
	"pairmq/internal/remoting"
	"pairmq/internal/warner"
	"pairmq/store"
	"pairmq/store/table"
)

// upkeepPeriod is how often clients and locks are looked through for those
// whose time is over, and counters are sampled.
const upkeepPeriod = 10 * time.Second

// A Broker answers clients. It is a remoting.Handler; New makes one.
type Broker struct {
	opts     Options
	store    Store
	log      *slog.Logger
	set      atomic.Pointer[Settings] // b.changing is held to store one
	handlers map[int32]handler
	started  time.Time

	makesTopics     bool       // its system topics are its own
	ownProperties   string     // what is appended to the properties of every message
	changing        sync.Mutex // one change of topics or groups at a time; held while the store keeps it
	makings         makings
	said, warned    *warner.Warner // what clients have changed, and what went wrong with that
	failed          *warner.Warner // requests that failed for a reason of the broker's own
	largeJSON       chan struct{}  // has room for one body that is not small
	rereads         chan struct{}  // has room for requests that read a message to store it again
	sends           sendPool
	pulls           pullPool
	polls           *longPoll
	clients         *clients
	notices         *notices
	locks           *lockTable
	resets          *resets
	committers      *committers
	delays          *schedule.Scheduler      // nil unless this broker delivers delayed messages
	transactions    *transaction.Coordinator // nil as delays is
	timers          *timer.Service           // the same, of those with a time
	pops            *pop.Service             // nil unless this broker has messages popped
	popPolls        *popPolls
	registrations   *registrations
	rates           *rates
	flows           *flows
	moves           *moves
	refusals        refusals
	reads, compares *logWork // requests 31005 and 31006, and 31007 and 31008
	queries         *logWork // requests 12
}

// A handler serves one request: it replies, now or later, and returns nil; or
// it returns an error and has not replied.
type handler func(req *remoting.Request) error

// New returns a Broker ready for Run and Serve. A master's first New makes the
// system topics, durable on return.
func New(opts Options) (*Broker, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	b := &Broker{opts: opts, store: opts.Store, log: opts.Log, started: time.Now()}
	b.set.Store(&opts.Settings)
	b.ownProperties = propertyCluster + "\x01" + opts.Cluster
	if opts.TraceTopic != "" { // without a region consumers of 5.x send no traces
		b.ownProperties += "\x02MSG_REGION\x01" + defaultRegion + "\x02TRACE_ON\x01true"
	}
	b.said = &warner.Warner{To: opts.Log, Burst: sayAtOnce}
	b.warned = &warner.Warner{To: opts.Log, Level: slog.LevelWarn, Burst: sayAtOnce}
	b.failed = &warner.Warner{To: opts.Log, Level: slog.LevelError, Burst: sayAtOnce}
	b.makings.byName = map[string]*making{}
	b.largeJSON, b.rereads = make(chan struct{}, 1), make(chan struct{}, maxRereads)
	b.flows = newFlows(opts.CountFlows, b.started)
	b.moves = newMoves(b.started)
	b.sends.init(&b.refusals, b.flows)
	b.polls = newLongPoll(opts.MaxHeldPulls)
	b.popPolls = newPopPolls(opts.MaxPopHeld, opts.MaxPopHeldQueue)
	b.clients = newClients(opts.MaxGroups, opts.MaxClients, opts.MaxOnline, newExpressions(func() bool { return !b.settings().NoPropertyFilter }))
	b.notices = newNotices()
	b.locks = newLockTable()
	b.resets = newResets()
	b.committers = newCommitters()
	b.registrations = newRegistrations(opts.Registrar)
	b.rates = newRates(b.started, opts.Store.Stats())
	b.reads, b.compares, b.queries = newLogWork(maxLogWork), newLogWork(maxLogWork), newLogWork(maxQueries)
	b.handlers = b.table()
	for code := int32(remoting.ReqAuthCreateUser); code <= remoting.ReqAuthListACL; code++ {
		b.handlers[code] = b.askUsers
	}
	for _, code := range otherCodes() {
		b.handlers[code] = b.otherParts
	}
	for code, h := range opts.More {
		b.handlers[code] = h
	}
	if opts.Raw != nil {
		maps.Copy(b.handlers, b.logTable())
	}
	if opts.Check != nil {
		b.handlers[remoting.ReqCheckLog] = b.checkLog
	}
	if opts.Behind {
		b.restrict()
	}
	if b.slave() {
		return b, pop.Clear(opts.Store) // its topics are the master's
	}
	if opts.Behind || opts.Store.Stats().ReadOnly {
		return b, nil // its topics are those that are there
	}
	var err error
	if b.pops, err = pop.New(b.popOptions()); err != nil {
		return nil, err
	}
	if b.delays, err = schedule.New(schedule.Options{Store: delivering{opts.Store, b.flows}, Levels: opts.DelayLevels, Log: opts.Log}); err != nil {
		return nil, err
	}
	if b.timers, err = timer.New(timer.Options{Store: timing{opts.Store, b.flows}, Log: opts.Log}); err != nil {
		return nil, err
	}
	if b.transactions, err = transaction.New(transaction.Options{
		Store: delivering{opts.Store, b.flows}, Host: opts.Addr, Timeout: opts.TransactionTimeout, Interval: opts.TransactionInterval, CheckMax: opts.TransactionChecks,
		Reserved: opts.Reserved, Ask: b.askProducer, Log: opts.Log,
	}); err != nil {
		return nil, err
	}
	b.makesTopics = true
	return b, b.makeSystemTopics(&opts.Settings)
}

func (b *Broker) slave() bool { return b.opts.ID != 0 }

// Run keeps the broker's timers until ctx ends: it delivers delayed messages, asks for open transactions, ends held pulls, forgets
// silent clients and old locks, tells consumers of changes, and answers changes
// of topics once the name servers know. Pulls still held are answered then.
func (b *Broker) Run(ctx context.Context) error {
	g := lifecycle.NewGroup(ctx)
	g.Go("held pulls", b.polls.clock(b.polls.expire))
	for i := range pullWorkers {
		g.Go("pull worker "+strconv.Itoa(i), b.polls.worker(b.finish))
	}
	g.Go("notices", b.sendNotices)
	g.Go("registrations", b.registrations.run)
	g.Go("upkeep", b.upkeep)
	if b.delays != nil {
		g.Go("delayed messages", b.delays.Run)
		g.Go("timed messages", b.timers.Run)
	}
	if b.transactions != nil {
		g.Go("transactions", b.transactions.Run)
	}
	g.Go("held pops", b.popPolls.clock(b.popPolls.expire))
	for i := range pullWorkers {
		g.Go("pop worker "+strconv.Itoa(i), b.popPolls.worker(b.finishPop))
	}
	if b.pops != nil {
		g.Go("popped messages", b.pops.Run)
	}
	g.Go("log reads", b.reads.run)
	g.Go("log comparisons", b.compares.run)
	g.Go("queries", b.queries.run)
	err := g.Wait()
	for _, h := range b.polls.close() {
		b.finish(h)
	}
	for _, h := range b.popPolls.close() {
		h.none()
	}
	b.makings.close()
	return err
}

func (b *Broker) upkeep(ctx context.Context) error {
	tick := time.NewTicker(upkeepPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			b.notices.add(b.clients.expire(now.Add(-clientTimeout)))
			b.locks.expire(now)
			b.resets.expire(now)
			b.committers.expire(now)
			var timers timer.Status
			if b.timers != nil {
				timers = b.timers.Status()
			}
			b.rates.sample(now, b.store.Stats(), timers)
			b.flows.sample(now)
		}
	}
}

// Serve answers req; it is called by the connection's reading goroutine. A
// change of topics or groups that was asked for, or a reset of offsets, blocks it for
// one commit of the store; the use of a topic or group that is yet to be made for
// makingTime at most; a send until the store refuses it, a second at most; a large
// batch while other large batches are being stored; nothing else does.
func (b *Broker) Serve(req *remoting.Request) {
	h := b.handlers[req.Code]
	if h == nil {
		req.ReplyError(remoting.RespRequestCodeNotSupported, " request type "+strconv.Itoa(int(req.Code))+
			" not supported ("+remoting.RequestName(req.Code)+")")
		return
	}
	if err := h(req); err != nil {
		b.fail(req, err)
	}
}

// Closed forgets what was there for the sake of conn: its clients, whose groups
// are told, and its held pulls. The server calls it when a connection has ended.
func (b *Broker) Closed(conn *remoting.Conn) {
	b.notices.add(b.clients.closed(conn))
	for _, h := range b.polls.drop(conn) {
		h.req.ReplyError(remoting.RespPullNotFound, "")
	}
	for _, h := range b.popPolls.drop(conn) {
		h.none()
	}
}

// Arrived wakes the pulls that wait for one of these records. The store calls
// it from one goroutine, which it does not hold up.
func (b *Broker) Arrived(arrivals []store.Arrival) {
	b.polls.arrived(arrivals)
	b.popPolls.arrived(arrivals)
	if b.delays != nil {
		b.delays.Arrived(arrivals)
		b.timers.Arrived(arrivals)
		b.pops.Arrived(arrivals)
	}
}

// Codes returns the request codes that it serves.
func (b *Broker) Codes() []int32 { return slices.Sorted(maps.Keys(b.handlers)) }

// table is which request codes are served, and by what.
func (b *Broker) table() map[int32]handler {
	return map[int32]handler{
		remoting.ReqSendMessage:            b.sendLong,
		remoting.ReqSendMessageV2:          b.sendShort,
		remoting.ReqSendBatchMessage:       b.sendShort,
		remoting.ReqConsumerSendMsgBack:    b.sendBack,
		remoting.ReqEndTransaction:         b.endTransaction,
		remoting.ReqResumeCheckHalfMessage: b.resumeHalf,
		remoting.ReqSendReplyMessage:       b.replyLong,
		remoting.ReqSendReplyMessageV2:     b.replyShort,

		remoting.ReqPullMessage:     b.pull,
		remoting.ReqLitePullMessage: b.pull,

		remoting.ReqRecallMessage: b.recallMessage,

		remoting.ReqQueryConsumerOffset:       b.queryConsumerOffset,
		remoting.ReqUpdateConsumerOffset:      b.updateConsumerOffset,
		remoting.ReqGetAllConsumerOffset:      b.allConsumerOffsets,
		remoting.ReqGetAllDelayOffset:         b.allDelayOffsets,
		remoting.ReqGetTimerCheckPoint:        b.timerCheckpoint,
		remoting.ReqInvokeBrokerToResetOffset: b.resetOffset,
		remoting.ReqCloneGroupOffset:          b.cloneOffsets,
		remoting.ReqQueryCorrectionOffset:     b.correctionOffsets,
		remoting.ReqSearchOffsetByTimestamp:   b.searchOffset,
		remoting.ReqGetMaxOffset:              b.maxOffset,
		remoting.ReqGetMinOffset:              b.minOffset,
		remoting.ReqGetEarliestMsgStoretime:   b.earliestStoreTime,
		remoting.ReqViewMessageByID:           b.viewMessage,
		remoting.ReqQueryMessage:              b.queryMessage,

		remoting.ReqHeartBeat:                       b.heartbeat,
		remoting.ReqUnregisterClient:                b.unregisterClient,
		remoting.ReqGetConsumerListByGroup:          b.consumerList,
		remoting.ReqGetConsumerRunningInfo:          b.runningInfo,
		remoting.ReqConsumeMessageDirectly:          b.consumeDirectly,
		remoting.ReqInvokeBrokerToGetConsumerStatus: b.consumerStatus,
		remoting.ReqCheckClientConfig:               b.checkClientConfig,
		remoting.ReqLockBatchMQ:                     b.lockQueues,
		remoting.ReqUnlockBatchMQ:                   b.unlockQueues,
		remoting.ReqQueryAssignment:                 b.queryAssignment,

		remoting.ReqSetMessageRequestMode:      b.setRequestMode,
		remoting.ReqPopMessage:                 b.popMessage,
		remoting.ReqPeekMessage:                b.peekMessage,
		remoting.ReqAckMessage:                 b.ackMessage,
		remoting.ReqBatchAckMessage:            b.ackBatch,
		remoting.ReqChangeMessageInvisibletime: b.changeInvisible,
		remoting.ReqNotification:               b.notification,
		remoting.ReqPollingInfo:                b.pollingInfo,

		remoting.ReqUpdateAndCreateTopic:         b.updateTopic,
		remoting.ReqUpdateAndCreateTopicList:     b.updateTopics,
		remoting.ReqDeleteTopicInBroker:          b.deleteTopic,
		remoting.ReqGetAllTopicConfig:            b.allTopics,
		remoting.ReqGetTopicConfig:               b.topicConfig,
		remoting.ReqGetSystemTopicListFromBroker: b.systemTopics,

		remoting.ReqUpdateAndCreateSubscriptiongroup:     b.updateGroup,
		remoting.ReqUpdateAndCreateSubscriptiongroupList: b.updateGroups,
		remoting.ReqDeleteSubscriptiongroup:              b.deleteGroup,
		remoting.ReqGetAllSubscriptiongroupConfig:        b.allGroups,
		remoting.ReqGetSubscriptiongroupConfig:           b.groupConfig,

		remoting.ReqGetTopicStatsInfo:           b.topicStats,
		remoting.ReqGetConsumeStats:             b.consumeStats,
		remoting.ReqGetBrokerConsumeStats:       b.allConsumeStats,
		remoting.ReqViewBrokerStatsData:         b.brokerStats,
		remoting.ReqGetConsumerConnectionList:   b.consumerConnections,
		remoting.ReqGetProducerConnectionList:   b.producerConnections,
		remoting.ReqGetAllProducerInfo:          b.allProducers,
		remoting.ReqQueryTopicConsumeByWho:      b.consumersOfTopic,
		remoting.ReqQueryTopicsByConsumer:       b.topicsOfConsumer,
		remoting.ReqQuerySubscriptionByConsumer: b.subscriptionOfConsumer,
		remoting.ReqQueryConsumeTimeSpan:        b.consumeTimeSpan,
		remoting.ReqQueryConsumeQueue:           b.viewQueue,
		remoting.ReqDeleteExpiredCommitlog:      b.cleanLog,
		remoting.ReqCleanExpiredConsumequeue:    b.cleanQueues,
		remoting.ReqCleanUnusedTopic:            b.cleanQueues,
		remoting.ReqGetAllMessageRequestMode:    b.allRequestModes,
		remoting.ReqGetBrokerRuntimeInfo:        b.runtimeInfo,
		remoting.ReqGetBrokerConfig:             b.brokerConfig,

		remoting.ReqUpdateAndCreateACLConfig:     b.putAccount,
		remoting.ReqDeleteACLConfig:              b.deleteAccount,
		remoting.ReqUpdateGlobalWhiteAddrsConfig: b.setAddresses,
		remoting.ReqGetBrokerClusterACLInfo:      b.accountsVersion,
		remoting.ReqGetBrokerClusterACLConfig:    b.showAccounts,
	}
}

// perm is the broker's permission; see table.PermRead.
func (b *Broker) perm(bit int32) bool { return b.settings().Perm&bit != 0 }

// permOf says whether a topic allows what bit stands for.
func permOf(t *table.Topic, bit int32) bool { return t.Perm&bit != 0 }
