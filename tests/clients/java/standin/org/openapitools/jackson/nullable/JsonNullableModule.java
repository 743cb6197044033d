package org.openapitools.jackson.nullable;

import java.io.IOException;
import java.util.List;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.BeanDescription;
import com.fasterxml.jackson.databind.BeanProperty;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.JavaType;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.SerializationConfig;
import com.fasterxml.jackson.databind.SerializerProvider;
import com.fasterxml.jackson.databind.deser.ContextualDeserializer;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.ser.BeanPropertyWriter;
import com.fasterxml.jackson.databind.ser.BeanSerializerModifier;

/** Stands in for the module of jackson-databind-nullable: what is undefined is not written, what is null is. */
public final class JsonNullableModule extends SimpleModule {
  public JsonNullableModule() {
    setSerializerModifier(new BeanSerializerModifier() {
      @Override
      public List<BeanPropertyWriter> changeProperties(SerializationConfig config, BeanDescription bean, List<BeanPropertyWriter> properties) {
        properties.replaceAll(p -> p.getType().hasRawClass(JsonNullable.class) ? new Writer(p) : p);
        return properties;
      }
    });
    addDeserializer(JsonNullable.class, new Reader(null));
  }

  private static final class Writer extends BeanPropertyWriter {
    Writer(BeanPropertyWriter base) {
      super(base);
    }

    @Override
    public void serializeAsField(Object bean, JsonGenerator out, SerializerProvider provider) throws Exception {
      JsonNullable<?> property = (JsonNullable<?>) get(bean);
      if (property != null && property.isPresent()) {
        provider.defaultSerializeField(getName(), property.get(), out);
      }
    }
  }

  @SuppressWarnings("rawtypes")
  private static final class Reader extends JsonDeserializer<JsonNullable> implements ContextualDeserializer {
    private final JavaType type; // of the value

    Reader(JavaType type) {
      this.type = type;
    }

    @Override
    public JsonDeserializer<?> createContextual(DeserializationContext context, BeanProperty property) {
      return new Reader(property.getType().containedTypeOrUnknown(0));
    }

    @Override
    public JsonNullable deserialize(JsonParser in, DeserializationContext context) throws IOException {
      return JsonNullable.of(context.readValue(in, type));
    }

    @Override
    public JsonNullable getNullValue(DeserializationContext context) {
      return JsonNullable.of(null);
    }
  }
}
