package remoting

// Response codes, under RocketMQ's names. Keep what a client may see below
// 32768: some read 16 bits. 4.x used 209 to 211 for failures of its access
// control; the names here are those of 5.x.
const (
	// Any request.
	RespSuccess                 = 0
	RespSystemError             = 1
	RespSystemBusy              = 2
	RespRequestCodeNotSupported = 3
	RespTransactionFailed       = 4

	// Sends: 10, 11 and 12 say that the message was stored.
	RespFlushDiskTimeout    = 10
	RespSlaveNotAvailable   = 11
	RespFlushSlaveTimeout   = 12
	RespMessageIllegal      = 13
	RespServiceNotAvailable = 14

	// Checks.
	RespVersionNotSupported = 15
	RespNoPermission        = 16
	RespTopicNotExist       = 17
	RespTopicExistAlready   = 18

	// Pulls and queries.
	RespPullNotFound              = 19
	RespPullRetryImmediately      = 20
	RespPullOffsetMoved           = 21
	RespQueryNotFound             = 22
	RespSubscriptionParseFailed   = 23
	RespSubscriptionNotExist      = 24
	RespSubscriptionNotLatest     = 25
	RespSubscriptionGroupNotExist = 26
	RespFilterDataNotExist        = 27
	RespFilterDataNotLatest       = 28
	RespInvalidParameter          = 29

	// Remnants and answers to administration.
	RespTransactionShouldCommit    = 200
	RespTransactionShouldRollback  = 201
	RespTransactionStateUnknow     = 202
	RespTransactionStateGroupWrong = 203
	RespNoBuyerID                  = 204
	RespNotInCurrentUnit           = 205
	RespConsumerNotOnline          = 206
	RespConsumeMsgTimeout          = 207
	RespNoMessage                  = 208
	RespPollingFull                = 209
	RespPollingTimeout             = 210
	RespBrokerNotExist             = 211
	RespBrokerDispatchNotComplete  = 212
	RespBroadcastConsumption       = 213
	RespFlowControl                = 215

	// Static topics, refusals, a server that is leaving.
	RespNotLeaderForQueue = 501
	RespIllegalOperation  = 604
	RespGoAway            = 1500

	// Controller.
	RespControllerFencedMasterEpoch          = 2000
	RespControllerFencedSyncStateSetEpoch    = 2001
	RespControllerInvalidMaster              = 2002
	RespControllerInvalidReplicas            = 2003
	RespControllerMasterNotAvailable         = 2004
	RespControllerInvalidRequest             = 2005
	RespControllerBrokerNotAlive             = 2006
	RespControllerNotLeader                  = 2007
	RespControllerBrokerMetadataNotExist     = 2008
	RespControllerInvalidCleanBrokerMetadata = 2009
	RespControllerBrokerNeedToBeRegistered   = 2010
	RespControllerMasterStillExist           = 2011
	RespControllerElectMasterFailed          = 2012
	RespControllerAlterSyncStateSetFailed    = 2013
	RespControllerBrokerIDInvalid            = 2014
	RespControllerJraftInternalError         = 2015
	RespControllerBrokerLiveInfoNotExists    = 2016

	// Access control of 5.x.
	RespUserNotExist   = 3001
	RespPolicyNotExist = 3002
)
