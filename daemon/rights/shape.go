package rights

import (
	"fmt"
	"strings"

	"pairmq/internal/remoting"
)

// A signature covers the values of all fields in the order of their names, without the names or
// anything between them, and then the body. So whoever hears a signed request could cut the same text
// into other fields, and ask something else with it. What only administrators and halves may ask
// is therefore taken in its own shape alone: with the fields that its code has, each once, and with a body only
// where the code has one. There is then no field that takes what is in the way.
//
// shape returns the names of those fields, between blanks, and whether there may be a body; listed is false for what
// is not looked at: clients' requests, since each client adds fields of its own, and what everybody may ask.
// The fields are those of RocketMQ's 4.9.7 and 5.4.0, and our own.
func shape(code int32) (fields string, body, listed bool) {
	switch code {
	// Of halves.
	case remoting.ReqGetAllTopicConfig:
		return " topicSeq dataVersion maxTopicNum deleted ", false, true
	case remoting.ReqGetAllSubscriptiongroupConfig:
		return " groupSeq dataVersion maxGroupNum ", false, true
	case remoting.ReqGetAllConsumerOffset:
		return " resets ", false, true
	case remoting.ReqGetAllDelayOffset, remoting.ReqGetTimerCheckPoint, remoting.ReqGetAllMessageRequestMode:
		return "", false, true
	case remoting.ReqExchangePairState:
		return "", true, true
	case remoting.ReqWatchMetadata:
		return " boot topics groups offsets held ", false, true
	case remoting.ReqPromoteBroker:
		return " role epoch end force ", false, true
	case remoting.ReqGetLogChecksums:
		return " start end piece ", false, true
	case remoting.ReqReadLog:
		return " offset size ", false, true

	// What operators look at.
	case remoting.ReqGetBrokerConfig, remoting.ReqGetBrokerRuntimeInfo, remoting.ReqGetBrokerHAStatus,
		remoting.ReqGetSystemTopicListFromBroker, remoting.ReqGetAllProducerInfo, remoting.ReqGetColdDataFlowCtrInfo, remoting.ReqGetRecent, remoting.ReqGetMetrics:
		return "", false, true
	case remoting.ReqGetTopicConfig, remoting.ReqGetTopicStatsInfo, remoting.ReqQueryTopicConsumeByWho, remoting.ReqDeleteTopicInBroker:
		return " topic ", false, true
	case remoting.ReqGetSubscriptiongroupConfig, remoting.ReqQueryTopicsByConsumer:
		return " group ", false, true
	case remoting.ReqGetConsumeStats:
		return " consumerGroup topic topicList ", false, true
	case remoting.ReqGetBrokerConsumeStats:
		return " isOrder ", false, true
	case remoting.ReqViewBrokerStatsData:
		return " statsName statsKey ", false, true
	case remoting.ReqGetConsumerConnectionList:
		return " consumerGroup ", false, true
	case remoting.ReqGetProducerConnectionList:
		return " producerGroup ", false, true
	case remoting.ReqQuerySubscriptionByConsumer:
		return " group topic ", false, true
	case remoting.ReqQueryCorrectionOffset:
		return " filterGroups compareGroup topic ", false, true
	case remoting.ReqQueryConsumeQueue:
		return " topic queueId index count consumerGroup ", false, true
	case remoting.ReqCheckRocksdbCQWriteProgress:
		return " topic checkStoreTime ", false, true

	// What changes a broker, or asks others.
	case remoting.ReqUpdateAndCreateTopic:
		return " topic defaultTopic readQueueNums writeQueueNums perm topicFilterType topicSysFlag order attributes force ", false, true
	case remoting.ReqUpdateAndCreateTopicList, remoting.ReqUpdateAndCreateSubscriptiongroup, remoting.ReqUpdateAndCreateSubscriptiongroupList,
		remoting.ReqSetMessageRequestMode, remoting.ReqUpdateBrokerConfig, remoting.ReqRemoveColdDataFlowCtrConfig:
		return "", true, true
	case remoting.ReqDeleteSubscriptiongroup:
		return " groupName removeOffset cleanOffset ", false, true
	case remoting.ReqInvokeBrokerToResetOffset:
		return " topic group timestamp isForce queueId offset ", false, true
	case remoting.ReqCloneGroupOffset:
		return " srcGroup destGroup topic offline ", false, true
	case remoting.ReqDemoteBroker:
		return " force ", false, true
	case remoting.ReqResumeCheckHalfMessage:
		return " topic msgId ", false, true
	case remoting.ReqCleanExpiredConsumequeue, remoting.ReqCleanUnusedTopic, remoting.ReqDeleteExpiredCommitlog, remoting.ReqPopRollback, remoting.ReqGetGoroutines:
		return "", false, true
	case remoting.ReqSwitchTimerEngine:
		return " E_T ", false, true
	case remoting.ReqSetCommitlogReadMode:
		return " READ_AHEAD_MODE ", false, true
	case remoting.ReqResetMasterFlushOffset:
		return " masterFlushOffset ", false, true
	case remoting.ReqUpdateAndCreateACLConfig:
		return " accessKey secretKey whiteRemoteAddress admin defaultTopicPerm defaultGroupPerm topicPerms groupPerms ", false, true
	case remoting.ReqDeleteACLConfig:
		return " accessKey ", false, true
	case remoting.ReqUpdateGlobalWhiteAddrsConfig:
		return " globalWhiteAddrs aclFileFullPath ", false, true
	case remoting.ReqGetBrokerClusterACLInfo, remoting.ReqGetBrokerClusterACLConfig:
		return "", false, true
	case remoting.ReqAuthCreateUser, remoting.ReqAuthUpdateUser:
		return " username ", true, true
	case remoting.ReqAuthDeleteUser, remoting.ReqAuthGetUser:
		return " username ", false, true
	case remoting.ReqAuthListUser:
		return " filter ", false, true
	case remoting.ReqAuthCreateACL, remoting.ReqAuthUpdateACL:
		return " subject ", true, true
	case remoting.ReqAuthDeleteACL:
		return " subject policyType resource ", false, true
	case remoting.ReqAuthGetACL:
		return " subject ", false, true
	case remoting.ReqAuthListACL:
		return " subjectFilter resourceFilter ", false, true
	case remoting.ReqGetConsumerRunningInfo:
		return " consumerGroup clientId jstackEnable ", false, true
	case remoting.ReqConsumeMessageDirectly:
		return " consumerGroup clientId msgId brokerName topic topicSysFlag groupSysFlag ", false, true
	case remoting.ReqInvokeBrokerToGetConsumerStatus:
		return " topic group clientAddr ", false, true
	case remoting.ReqVerifyLog:
		return " start end peer repair ", false, true
	case remoting.ReqCheckLog:
		return " start ", false, true

	// Of name servers, where an administrator's signature opens them.
	case remoting.ReqGetKVConfig, remoting.ReqPutKVConfig, remoting.ReqDeleteKVConfig:
		return " namespace key value ", false, true
	case remoting.ReqGetKvlistByNamespace:
		return " namespace ", false, true
	case remoting.ReqGetTopicsByCluster:
		return " cluster ", false, true
	case remoting.ReqGetNamesrvConfig, remoting.ReqGetAllTopicListFromNameserver, remoting.ReqGetSystemTopicListFromNs,
		remoting.ReqGetUnitTopicList, remoting.ReqGetHasUnitSubTopicList, remoting.ReqGetHasUnitSubUnunitTopicList:
		return "", false, true
	case remoting.ReqUpdateNamesrvConfig:
		return "", true, true
	case remoting.ReqWipeWritePermOfBroker, remoting.ReqAddWritePermOfBroker:
		return " brokerName ", false, true
	case remoting.ReqDeleteTopicInNamesrv:
		return " topic clusterName ", false, true
	}
	return "", false, false
}

// misshapen says what is wrong with the shape of a signed request, "" if nothing is, or if it
// is not looked at.
func misshapen(cmd *remoting.Command) string {
	fields, body, listed := shape(cmd.Code)
	if _, signed := cmd.Fields.Lookup("Signature"); !listed || !signed {
		return ""
	}
	for i := range cmd.Fields {
		f := &cmd.Fields[i]
		for k := range i {
			if cmd.Fields[k].Key == f.Key {
				return fmt.Sprintf("it has the field %.64q twice", f.Key)
			}
		}
		switch f.Key {
		case "AccessKey", "Signature":
		case "lo": // Java's of 5.x say by it that they mean this broker alone
			if f.Value != "true" && f.Value != "false" {
				return fmt.Sprintf("its field lo is %.64q", f.Value)
			}
		case "ReqT": // Java's may say by it that they are no proxy
			if f.Value != "0" {
				return fmt.Sprintf("its field ReqT is %.64q", f.Value)
			}
		default:
			if f.Key == "" || strings.Contains(f.Key, " ") || !strings.Contains(fields, " "+f.Key+" ") {
				return fmt.Sprintf("such requests have no field %.64q", f.Key)
			}
		}
		if i >= maxFields {
			return "it has too many fields"
		}
	}
	if len(cmd.Body) > 0 && !body {
		return "such requests have no body"
	}
	return ""
}

// maxFields is more than any of these has.
const maxFields = 20
