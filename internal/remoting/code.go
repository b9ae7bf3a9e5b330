package remoting

// Request codes, under RocketMQ's names, as 4.9.7 and 5.4.0 number them. A
// broker or name server answers those it does not serve with
// RespRequestCodeNotSupported.
const (
	// Producing and consuming.
	ReqSendMessage              = 10
	ReqPullMessage              = 11
	ReqQueryMessage             = 12
	ReqQueryBrokerOffset        = 13
	ReqQueryConsumerOffset      = 14
	ReqUpdateConsumerOffset     = 15
	ReqUpdateAndCreateTopic     = 17
	ReqUpdateAndCreateTopicList = 18

	// Configuration, offsets, clients, transactions.
	ReqGetAllTopicConfig        = 21
	ReqGetTopicConfigList       = 22
	ReqGetTopicNameList         = 23
	ReqUpdateBrokerConfig       = 25
	ReqGetBrokerConfig          = 26
	ReqTriggerDeleteFiles       = 27
	ReqGetBrokerRuntimeInfo     = 28
	ReqSearchOffsetByTimestamp  = 29
	ReqGetMaxOffset             = 30
	ReqGetMinOffset             = 31
	ReqGetEarliestMsgStoretime  = 32
	ReqViewMessageByID          = 33
	ReqHeartBeat                = 34
	ReqUnregisterClient         = 35
	ReqConsumerSendMsgBack      = 36
	ReqEndTransaction           = 37
	ReqGetConsumerListByGroup   = 38
	ReqCheckTransactionState    = 39
	ReqNotifyConsumerIdsChanged = 40
	ReqLockBatchMQ              = 41
	ReqUnlockBatchMQ            = 42
	ReqGetAllConsumerOffset     = 43
	ReqGetAllDelayOffset        = 45
	ReqCheckClientConfig        = 46
	ReqGetClientConfig          = 47

	// Access control of 4.x; timers.
	ReqUpdateAndCreateACLConfig     = 50
	ReqDeleteACLConfig              = 51
	ReqGetBrokerClusterACLInfo      = 52
	ReqUpdateGlobalWhiteAddrsConfig = 53
	ReqGetBrokerClusterACLConfig    = 54
	ReqGetTimerCheckPoint           = 60
	ReqGetTimerMetrics              = 61

	// Name server.
	ReqPutKVConfig          = 100
	ReqGetKVConfig          = 101
	ReqDeleteKVConfig       = 102
	ReqRegisterBroker       = 103
	ReqUnregisterBroker     = 104
	ReqGetRouteinfoByTopic  = 105
	ReqGetBrokerClusterInfo = 106

	// Administration.
	ReqUpdateAndCreateSubscriptiongroup     = 200
	ReqGetAllSubscriptiongroupConfig        = 201
	ReqGetTopicStatsInfo                    = 202
	ReqGetConsumerConnectionList            = 203
	ReqGetProducerConnectionList            = 204
	ReqWipeWritePermOfBroker                = 205
	ReqGetAllTopicListFromNameserver        = 206
	ReqDeleteSubscriptiongroup              = 207
	ReqGetConsumeStats                      = 208
	ReqSuspendConsumer                      = 209
	ReqResumeConsumer                       = 210
	ReqResetConsumerOffsetInConsumer        = 211
	ReqResetConsumerOffsetInBroker          = 212
	ReqAdjustConsumerThreadPool             = 213
	ReqWhoConsumeTheMessage                 = 214
	ReqDeleteTopicInBroker                  = 215
	ReqDeleteTopicInNamesrv                 = 216
	ReqRegisterTopicInNamesrv               = 217
	ReqGetKvlistByNamespace                 = 219
	ReqResetConsumerClientOffset            = 220
	ReqGetConsumerStatusFromClient          = 221
	ReqInvokeBrokerToResetOffset            = 222
	ReqInvokeBrokerToGetConsumerStatus      = 223
	ReqGetTopicsByCluster                   = 224
	ReqUpdateAndCreateSubscriptiongroupList = 225

	// Administration, continued; sends with short field names.
	ReqQueryTopicConsumeByWho       = 300
	ReqRegisterFilterServer         = 301
	ReqRegisterMessageFilterClass   = 302
	ReqQueryConsumeTimeSpan         = 303
	ReqGetSystemTopicListFromNs     = 304
	ReqGetSystemTopicListFromBroker = 305
	ReqCleanExpiredConsumequeue     = 306
	ReqGetConsumerRunningInfo       = 307
	ReqQueryCorrectionOffset        = 308
	ReqConsumeMessageDirectly       = 309
	ReqSendMessageV2                = 310
	ReqGetUnitTopicList             = 311
	ReqGetHasUnitSubTopicList       = 312
	ReqGetHasUnitSubUnunitTopicList = 313
	ReqCloneGroupOffset             = 314
	ReqViewBrokerStatsData          = 315
	ReqCleanUnusedTopic             = 316
	ReqGetBrokerConsumeStats        = 317
	ReqUpdateNamesrvConfig          = 318
	ReqGetNamesrvConfig             = 319
	ReqSendBatchMessage             = 320
	ReqQueryConsumeQueue            = 321
	ReqQueryDataVersion             = 322
	ReqResumeCheckHalfMessage       = 323
	ReqSendReplyMessage             = 324
	ReqSendReplyMessageV2           = 325
	ReqPushReplyMessageToClient     = 326
	ReqAddWritePermOfBroker         = 327
	ReqGetAllProducerInfo           = 328
	ReqDeleteExpiredCommitlog       = 329
	ReqQueryTopicsByConsumer        = 343
	ReqQuerySubscriptionByConsumer  = 345
	ReqGetTopicConfig               = 351
	ReqGetSubscriptiongroupConfig   = 352
	ReqUpdateAndGetGroupForbidden   = 353
	ReqCheckRocksdbCQWriteProgress  = 354
	ReqExportRocksdbConfigToJSON    = 355
	ReqLitePullMessage              = 361
	ReqRecallMessage                = 370

	// Assignment of queues by the broker; static topics.
	ReqQueryAssignment            = 400
	ReqSetMessageRequestMode      = 401
	ReqGetAllMessageRequestMode   = 402
	ReqUpdateAndCreateStaticTopic = 513

	// Groups of brokers.
	ReqGetBrokerMemberGroup    = 901
	ReqAddBroker               = 902
	ReqRemoveBroker            = 903
	ReqBrokerHeartbeat         = 904
	ReqNotifyMinBrokerIDChange = 905
	ReqExchangeBrokerHAInfo    = 906
	ReqGetBrokerHAStatus       = 907
	ReqResetMasterFlushOffset  = 908

	// Controller.
	ReqControllerAlterSyncStateSet = 1001
	ReqControllerElectMaster       = 1002
	ReqControllerRegisterBroker    = 1003
	ReqControllerGetReplicaInfo    = 1004
	ReqControllerGetMetadataInfo   = 1005
	ReqControllerGetSyncStateData  = 1006
	ReqGetBrokerEpochCache         = 1007
	ReqNotifyBrokerRoleChanged     = 1008
	ReqUpdateControllerConfig      = 1009
	ReqGetControllerConfig         = 1010
	ReqCleanBrokerData             = 1011
	ReqControllerGetNextBrokerID   = 1012
	ReqControllerApplyBrokerID     = 1013

	// Cold data.
	ReqUpdateColdDataFlowCtrConfig = 2001
	ReqRemoveColdDataFlowCtrConfig = 2002
	ReqGetColdDataFlowCtrInfo      = 2003
	ReqSetCommitlogReadMode        = 2004

	// Access control of 5.x.
	ReqAuthCreateUser = 3001
	ReqAuthUpdateUser = 3002
	ReqAuthDeleteUser = 3003
	ReqAuthGetUser    = 3004
	ReqAuthListUser   = 3005
	ReqAuthCreateACL  = 3006
	ReqAuthUpdateACL  = 3007
	ReqAuthDeleteACL  = 3008
	ReqAuthGetACL     = 3009
	ReqAuthListACL    = 3010

	// Timer engine.
	ReqSwitchTimerEngine = 5001

	// Between two of ours, and from our command line: a range that RocketMQ does
	// not use. Its brokers answer REQUEST_CODE_NOT_SUPPORTED.
	ReqExchangePairState = 31001
	ReqPromoteBroker     = 31002
	ReqDemoteBroker      = 31003
	ReqWatchMetadata     = 31004
	ReqGetLogChecksums   = 31005
	ReqReadLog           = 31006
	ReqVerifyLog         = 31007
	ReqCheckLog          = 31008
	ReqGetRecent         = 31009
	ReqGetMetrics        = 31010
	ReqGetGoroutines     = 31011
	ReqProveHalf         = 31012

	// Consuming by POP. These do not fit the 16 bits of a binary header.
	ReqPopMessage                 = 200050
	ReqAckMessage                 = 200051
	ReqPeekMessage                = 200052
	ReqChangeMessageInvisibletime = 200053
	ReqNotification               = 200054
	ReqPollingInfo                = 200055
	ReqPopRollback                = 200056
	ReqBatchAckMessage            = 200151
)
