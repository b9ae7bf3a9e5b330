package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"pairmq/internal/remoting"
	"pairmq/store/table"
)

// groupTable asks one broker for all its groups.
func (s *session) groupTable(ctx context.Context, addr string) (map[string]table.Group, error) {
	resp, err := s.call(ctx, addr, &remoting.Command{Code: remoting.ReqGetAllSubscriptiongroupConfig})
	if err != nil {
		return nil, err
	}
	var body struct {
		Groups map[string]table.Group `json:"subscriptionGroupTable"`
	}
	if err := json.Unmarshal(resp.Body, &body); err != nil {
		return nil, fmt.Errorf("groups of %s: %w", addr, err)
	}
	return body.Groups, nil
}

// groupNames returns the groups of all masters.
func (s *session) groupNames(ctx context.Context) ([]string, error) {
	names := make(map[string]bool)
	err := s.each(ctx, "", func(ctx context.Context, m master) error {
		all, err := s.groupTable(ctx, m.addr)
		for n := range all {
			names[n] = true
		}
		return err
	})
	sorted := slices.Sorted(maps.Keys(names))
	if sorted == nil {
		sorted = []string{}
	}
	return sorted, err
}

// putGroup makes a group, or changes it.
func (s *session) putGroup(ctx context.Context, g table.Group, cluster string) error {
	if err := table.CheckGroupName(g.Name); err != nil {
		return err
	}
	body, err := json.Marshal(g)
	if err != nil {
		return err
	}
	return s.each(ctx, cluster, func(ctx context.Context, m master) error {
		_, err := s.call(ctx, m.addr, &remoting.Command{Code: remoting.ReqUpdateAndCreateSubscriptiongroup, Body: body})
		return err
	})
}

// deleteGroup deletes a group where it is.
func (s *session) deleteGroup(ctx context.Context, name, cluster string, keepOffsets bool) error {
	if err := table.CheckGroupName(name); err != nil {
		return err
	}
	found := false
	err := s.each(ctx, cluster, func(ctx context.Context, m master) error {
		all, err := s.groupTable(ctx, m.addr)
		if err != nil {
			return err
		}
		if _, ok := all[name]; !ok {
			return nil
		}
		found = true
		clean := strconv.FormatBool(!keepOffsets)
		_, err = s.call(ctx, m.addr, &remoting.Command{Code: remoting.ReqDeleteSubscriptiongroup, Fields: remoting.Fields{
			{Key: "groupName", Value: name}, {Key: "removeOffset", Value: clean}, {Key: "cleanOffset", Value: clean}, // 4.x and 5.x
		}})
		return err
	})
	if err == nil && !found {
		return fmt.Errorf("%w: no broker has a group %s", errNotFound, name)
	}
	return err
}
