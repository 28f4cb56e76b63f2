-- Projects and tasks are the same for all products: those of a CRM have a customer, a fair and a contract.

CREATE TABLE projects (
    id              uuid PRIMARY KEY,
    number          text NOT NULL UNIQUE,
    key             text NOT NULL UNIQUE CHECK (key = upper(key) AND length(key) BETWEEN 1 AND 20),
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description     text,
    status          text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived', 'completed')),
    customer_id     uuid REFERENCES customers,
    fair            text,
    city            text,
    country         text,
    contract_amount numeric(18, 4) NOT NULL DEFAULT 0,
    currency        text NOT NULL DEFAULT 'TRY' CHECK (currency ~ '^[A-Z]{3}$'),
    start_date      date,
    end_date        date,
    -- Users of the platform, with their names as they were.
    owner_id        uuid,
    owner_name      text,
    assigned_users  jsonb NOT NULL DEFAULT '[]',
    tasks_count     integer NOT NULL DEFAULT 0 CHECK (tasks_count >= 0),
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1,
    CONSTRAINT projects_end_date_check CHECK (end_date >= start_date)
);
CREATE INDEX projects_created_at ON projects (created_at, id);
CREATE INDEX projects_updated_at ON projects (updated_at, id);
CREATE INDEX projects_name ON projects (lower(name), id);
CREATE INDEX projects_start_date ON projects (start_date, id);
CREATE INDEX projects_status ON projects (status, created_at);
CREATE INDEX projects_customer_id ON projects (customer_id, created_at);
CREATE INDEX projects_owner_id ON projects (owner_id, created_at);
SELECT keep_tally('projects');

CREATE FUNCTION projects_default_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.key := NEW.number;
    RETURN NEW;
END $$;
CREATE TRIGGER projects_default_key BEFORE INSERT ON projects FOR EACH ROW WHEN (NEW.key IS NULL)
    EXECUTE FUNCTION projects_default_key();

CREATE TABLE tasks (
    id              uuid PRIMARY KEY,
    project_id      uuid REFERENCES projects,
    customer_id     uuid REFERENCES customers ON DELETE SET NULL,
    title           text NOT NULL CHECK (length(title) BETWEEN 1 AND 300),
    description     text,
    status          text NOT NULL DEFAULT 'todo' CHECK (status IN ('todo', 'in_progress', 'review', 'done')),
    priority        text NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
    assignee_id     uuid,
    assignee_name   text,
    reporter_id     uuid,
    reporter_name   text,
    estimated_hours numeric(8, 2),
    due_date        date,
    total_hours     numeric(12, 2) NOT NULL DEFAULT 0,
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX tasks_created_at ON tasks (created_at, id);
CREATE INDEX tasks_updated_at ON tasks (updated_at, id);
CREATE INDEX tasks_due_date ON tasks (due_date, id);
CREATE INDEX tasks_status ON tasks (status, created_at);
CREATE INDEX tasks_priority ON tasks (priority, created_at);
CREATE INDEX tasks_project_id ON tasks (project_id, created_at);
CREATE INDEX tasks_customer_id ON tasks (customer_id, created_at);
CREATE INDEX tasks_assignee_id ON tasks (assignee_id, created_at);
SELECT keep_tally('tasks');

CREATE FUNCTION count_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.project_id IS NOT NULL THEN
        UPDATE projects SET tasks_count = tasks_count - 1 WHERE id = OLD.project_id;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.project_id IS NOT NULL THEN
        UPDATE projects SET tasks_count = tasks_count + 1 WHERE id = NEW.project_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tasks_count AFTER INSERT OR DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION count_tasks();
CREATE TRIGGER tasks_count_moved AFTER UPDATE OF project_id ON tasks FOR EACH ROW
    WHEN (OLD.project_id IS DISTINCT FROM NEW.project_id) EXECUTE FUNCTION count_tasks();

CREATE TABLE time_entries (
    id              uuid PRIMARY KEY,
    task_id         uuid NOT NULL REFERENCES tasks ON DELETE CASCADE,
    user_id         uuid,
    user_name       text,
    description     text,
    hours           numeric(8, 2) NOT NULL CHECK (hours > 0),
    logged_at       timestamptz NOT NULL DEFAULT now(),
    created_by      uuid NOT NULL,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1
);
CREATE INDEX time_entries_created_at ON time_entries (created_at, id);
CREATE INDEX time_entries_updated_at ON time_entries (updated_at, id);
CREATE INDEX time_entries_logged_at ON time_entries (logged_at, id);
CREATE INDEX time_entries_task_id ON time_entries (task_id, created_at);
CREATE INDEX time_entries_user_id ON time_entries (user_id, created_at);
SELECT keep_tally('time_entries');

CREATE FUNCTION add_hours() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE tasks SET total_hours = total_hours - OLD.hours WHERE id = OLD.task_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE tasks SET total_hours = total_hours + NEW.hours WHERE id = NEW.task_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER time_entries_hours AFTER INSERT OR DELETE OR UPDATE OF hours, task_id ON time_entries
    FOR EACH ROW EXECUTE FUNCTION add_hours();
