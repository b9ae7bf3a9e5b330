package commitlog

// A task is something that needs the log to itself: nothing is unwritten, and
// nothing is appended, while it runs.
type task struct {
	run    func() error
	begun  bool
	result chan error // with room for one
}

// alone runs a task: on the writer's goroutine, when that has written what is
// waiting, or, if Run was not called yet, on this one.
func (l *Log) alone(run func() error) error {
	l.tasks <- struct{}{}
	defer func() { <-l.tasks }()
	t := &task{run: run, result: make(chan error, 1)}
	l.mu.Lock()
	if err := l.refusal(); err != nil {
		l.mu.Unlock()
		return err
	}
	l.task = t
	t.begun = l.phase == recovered
	idle := t.begun
	poke(l.kicks)
	l.mu.Unlock()
	if idle {
		return l.perform(t)
	}
	return <-t.result
}

// perform runs t and lets appends go on.
func (l *Log) perform(t *task) error {
	err := l.sync()
	if err == nil {
		err = t.run()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.task = nil
	l.came(awaitWriter)
	poke(l.kicks)
	return err
}

// refuseTask answers a task that came when the writer had ended.
func (l *Log) refuseTask() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.task == nil {
		return
	}
	err := l.refusal()
	if err == nil {
		err = ErrClosed
	}
	l.task.result <- err
	l.task = nil
	l.wake()
}
