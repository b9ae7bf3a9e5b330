package rights

import "pairmq/internal/remoting"

// Of returns the row of a request code; false if there is none.
func Of(code int32) (Row, bool) {
	right, topic, group := look(code)
	names := false
	if right == unlisted {
		right, topic, group = lookNames(code)
		names = right != unlisted
	}
	return Row{code, right, topic, group, names, isHalfs(code)}, right != unlisted
}

// isHalfs is Row.Half.
func isHalfs(code int32) bool {
	return code == remoting.ReqExchangePairState || code == remoting.ReqWatchMetadata || code == remoting.ReqReadLog
}

// unlisted is the right of codes that the table does not have.
const unlisted Right = 255

// look is the table of what brokers serve, and nobody. It is a switch since it is asked for every request.
func look(code int32) (right Right, topic, group string) {
	switch code {
	// What clients send by themselves, and what their libraries offer to programs, as Apache's 4.9.7 and
	// 5.4.0 and their relatives in Go, C++ and Python do. They make topics too, which is an administrator's.
	case remoting.ReqSendMessage, remoting.ReqSendReplyMessage:
		return Client, "topic", "producerGroup"
	case remoting.ReqSendMessageV2, remoting.ReqSendBatchMessage, remoting.ReqSendReplyMessageV2:
		return Client, "b", "a"
	case remoting.ReqConsumerSendMsgBack:
		return Client, "originTopic", "group"
	case remoting.ReqEndTransaction, remoting.ReqRecallMessage:
		return Client, "topic", "producerGroup"
	case remoting.ReqPullMessage, remoting.ReqLitePullMessage,
		remoting.ReqPopMessage, remoting.ReqAckMessage, remoting.ReqPeekMessage, remoting.ReqChangeMessageInvisibletime,
		remoting.ReqNotification, remoting.ReqPollingInfo,
		remoting.ReqQueryConsumerOffset, remoting.ReqUpdateConsumerOffset:
		return Client, "topic", "consumerGroup"
	case remoting.ReqSearchOffsetByTimestamp, remoting.ReqGetMaxOffset, remoting.ReqGetMinOffset, remoting.ReqGetEarliestMsgStoretime,
		remoting.ReqQueryMessage:
		return Client, "topic", ""
	case remoting.ReqViewMessageByID: // by its place in the log; 4.x does not say of which topic
		return Client, "topic", ""
	case remoting.ReqQueryConsumeTimeSpan: // the library of push consumers offers it
		return Client, "topic", "group"
	case remoting.ReqGetConsumerListByGroup:
		return Client, "", "consumerGroup"
	case remoting.ReqUnregisterClient: // or producerGroup, or both
		return Client, "", "consumerGroup"
	case remoting.ReqHeartBeat, remoting.ReqCheckClientConfig, remoting.ReqLockBatchMQ, remoting.ReqUnlockBatchMQ,
		remoting.ReqQueryAssignment, remoting.ReqBatchAckMessage: // the body says it
		return Client, "", ""
	case remoting.ReqProveHalf: // everybody may try
		return Register, "", ""

	// What a slave copies besides the log, what two of ours settle between them, and the log itself. 31002 is
	// what a master sends that hands over.
	case remoting.ReqGetAllTopicConfig, remoting.ReqGetAllSubscriptiongroupConfig, remoting.ReqGetAllConsumerOffset,
		remoting.ReqGetAllDelayOffset, remoting.ReqGetTimerCheckPoint, remoting.ReqGetAllMessageRequestMode,
		remoting.ReqExchangePairState, remoting.ReqWatchMetadata, remoting.ReqPromoteBroker,
		remoting.ReqGetLogChecksums, remoting.ReqReadLog:
		return Pair, "", ""

	// What operators, their dashboards and exporters look at.
	case remoting.ReqGetBrokerConfig, remoting.ReqGetBrokerRuntimeInfo, remoting.ReqGetBrokerHAStatus,
		remoting.ReqGetTopicConfig, remoting.ReqGetSubscriptiongroupConfig, remoting.ReqGetSystemTopicListFromBroker,
		remoting.ReqGetTopicStatsInfo, remoting.ReqGetConsumeStats, remoting.ReqGetBrokerConsumeStats, remoting.ReqViewBrokerStatsData,
		remoting.ReqGetConsumerConnectionList, remoting.ReqGetProducerConnectionList, remoting.ReqGetAllProducerInfo,
		remoting.ReqQueryTopicConsumeByWho, remoting.ReqQueryTopicsByConsumer, remoting.ReqQuerySubscriptionByConsumer,
		remoting.ReqQueryCorrectionOffset, remoting.ReqQueryConsumeQueue,
		remoting.ReqGetColdDataFlowCtrInfo, remoting.ReqCheckRocksdbCQWriteProgress,
		remoting.ReqGetRecent, remoting.ReqGetMetrics:
		return Read, "", ""

	// What changes topics, groups, offsets, roles, the configuration and what is stored.
	case remoting.ReqUpdateAndCreateTopic, remoting.ReqUpdateAndCreateTopicList, remoting.ReqDeleteTopicInBroker,
		remoting.ReqUpdateAndCreateSubscriptiongroup, remoting.ReqUpdateAndCreateSubscriptiongroupList, remoting.ReqDeleteSubscriptiongroup,
		remoting.ReqSetMessageRequestMode, remoting.ReqInvokeBrokerToResetOffset, remoting.ReqCloneGroupOffset,
		remoting.ReqUpdateBrokerConfig, remoting.ReqDemoteBroker, remoting.ReqResumeCheckHalfMessage,
		remoting.ReqCleanExpiredConsumequeue, remoting.ReqCleanUnusedTopic, remoting.ReqDeleteExpiredCommitlog,
		remoting.ReqSwitchTimerEngine, remoting.ReqSetCommitlogReadMode, remoting.ReqResetMasterFlushOffset,
		remoting.ReqRemoveColdDataFlowCtrConfig, remoting.ReqPopRollback,
		// Accounts. Who only sees their names learns whom to be.
		remoting.ReqUpdateAndCreateACLConfig, remoting.ReqDeleteACLConfig, remoting.ReqGetBrokerClusterACLInfo,
		remoting.ReqUpdateGlobalWhiteAddrsConfig, remoting.ReqGetBrokerClusterACLConfig,
		remoting.ReqAuthCreateUser, remoting.ReqAuthUpdateUser, remoting.ReqAuthDeleteUser, remoting.ReqAuthGetUser, remoting.ReqAuthListUser,
		remoting.ReqAuthCreateACL, remoting.ReqAuthUpdateACL, remoting.ReqAuthDeleteACL, remoting.ReqAuthGetACL, remoting.ReqAuthListACL:
		return Admin, "", ""
	// What makes a broker ask the clients of others, for their stacks too, or give them messages; and what has
	// it read its whole log, mend it, or stand still for a moment.
	case remoting.ReqGetConsumerRunningInfo, remoting.ReqConsumeMessageDirectly, remoting.ReqInvokeBrokerToGetConsumerStatus,
		remoting.ReqVerifyLog, remoting.ReqCheckLog, remoting.ReqGetGoroutines:
		return Admin, "", ""

	// What no server here answers; reason says more in docs/requestcodes.md.
	case remoting.ReqCheckTransactionState, remoting.ReqNotifyConsumerIdsChanged, remoting.ReqResetConsumerClientOffset,
		remoting.ReqGetConsumerStatusFromClient, remoting.ReqPushReplyMessageToClient, // from brokers to clients
		remoting.ReqQueryBrokerOffset, remoting.ReqGetTopicConfigList, remoting.ReqGetTopicNameList, remoting.ReqTriggerDeleteFiles,
		remoting.ReqGetClientConfig, remoting.ReqSuspendConsumer, remoting.ReqResumeConsumer, remoting.ReqResetConsumerOffsetInConsumer,
		remoting.ReqResetConsumerOffsetInBroker, remoting.ReqAdjustConsumerThreadPool, remoting.ReqWhoConsumeTheMessage, // no client asks
		remoting.ReqGetTimerMetrics,
		remoting.ReqRegisterFilterServer, remoting.ReqRegisterMessageFilterClass, remoting.ReqUpdateAndGetGroupForbidden,
		remoting.ReqExportRocksdbConfigToJSON,
		remoting.ReqUpdateAndCreateStaticTopic, remoting.ReqAddBroker, remoting.ReqRemoveBroker,
		remoting.ReqNotifyMinBrokerIDChange, remoting.ReqExchangeBrokerHAInfo,
		remoting.ReqControllerAlterSyncStateSet, remoting.ReqControllerElectMaster, remoting.ReqControllerRegisterBroker,
		remoting.ReqControllerGetReplicaInfo, remoting.ReqControllerGetMetadataInfo, remoting.ReqControllerGetSyncStateData,
		remoting.ReqGetBrokerEpochCache, remoting.ReqNotifyBrokerRoleChanged, remoting.ReqUpdateControllerConfig,
		remoting.ReqGetControllerConfig, remoting.ReqCleanBrokerData, remoting.ReqControllerGetNextBrokerID, remoting.ReqControllerApplyBrokerID,
		remoting.ReqUpdateColdDataFlowCtrConfig:
		return Nobody, "", ""
	}
	return unlisted, "", ""
}

// lookNames is the part of the table that name servers alone serve.
func lookNames(code int32) (right Right, topic, group string) {
	switch code {
	case remoting.ReqGetRouteinfoByTopic:
		return Client, "topic", ""
	// What brokers, ours and Apache's, ask. 106 is among them because one of ours looks there for the other half;
	// it tells no more than the route of any topic does.
	case remoting.ReqRegisterBroker, remoting.ReqUnregisterBroker, remoting.ReqQueryDataVersion, remoting.ReqBrokerHeartbeat,
		remoting.ReqGetBrokerMemberGroup, remoting.ReqRegisterTopicInNamesrv, remoting.ReqGetBrokerClusterInfo:
		return Register, "", ""
	case remoting.ReqGetKVConfig, remoting.ReqGetKvlistByNamespace, remoting.ReqGetNamesrvConfig,
		remoting.ReqGetAllTopicListFromNameserver, remoting.ReqGetTopicsByCluster, remoting.ReqGetSystemTopicListFromNs,
		remoting.ReqGetUnitTopicList, remoting.ReqGetHasUnitSubTopicList, remoting.ReqGetHasUnitSubUnunitTopicList:
		return Read, "", ""
	case remoting.ReqPutKVConfig, remoting.ReqDeleteKVConfig, remoting.ReqUpdateNamesrvConfig,
		remoting.ReqWipeWritePermOfBroker, remoting.ReqAddWritePermOfBroker, remoting.ReqDeleteTopicInNamesrv:
		return Admin, "", ""
	}
	return unlisted, "", ""
}
