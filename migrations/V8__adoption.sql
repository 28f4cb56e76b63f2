-- A tenant that comes to be with rows that it had elsewhere.
ALTER TABLE sagas DROP CONSTRAINT sagas_kind_check;
-- squawk-ignore constraint-missing-not-valid -- few rows
ALTER TABLE sagas ADD CONSTRAINT sagas_kind_check CHECK (kind IN ('create', 'adopt', 'drop'));
ALTER TABLE provisioning_steps DROP CONSTRAINT provisioning_steps_kind_check;
-- squawk-ignore constraint-missing-not-valid -- few rows
ALTER TABLE provisioning_steps ADD CONSTRAINT provisioning_steps_kind_check CHECK (kind IN ('create', 'adopt', 'drop'));
